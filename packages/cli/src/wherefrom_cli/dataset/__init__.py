"""Attributing a whole data set: `source` reads it, `batches` cuts it, `work` does a batch, `sinks` keep the results."""
