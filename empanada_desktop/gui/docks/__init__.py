"""What stands left of the views: layers, the properties of one layer, contrast; a document comes in."""
