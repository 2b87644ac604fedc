"""Everything that needs torch: networks, prediction, post-processing, training. Arrays and single values in, arrays out."""
