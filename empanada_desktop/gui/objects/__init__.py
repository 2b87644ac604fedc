"""Objects as a list: the table below the views, the review queue, measuring and scoring. In: label layers and edits."""
