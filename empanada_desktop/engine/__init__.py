"""All that needs torch: networks, prediction, training; and post-processing. Arrays and values in, arrays out."""
