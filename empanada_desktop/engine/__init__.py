"""All that needs torch: networks, prediction, training; and post-processing. Arrays and single values in, arrays out."""
