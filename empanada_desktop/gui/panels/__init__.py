"""Task forms right of the views: a Params class and a document come in, jobs go out."""
