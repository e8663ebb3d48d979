"""One printer a format. Each turns the results of a run into the text of a report."""
