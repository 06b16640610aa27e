"""Programs for developers: the demonstration, the benchmark and the study of the judge."""
