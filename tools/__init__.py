"""Programs for developers: the demonstration, the benchmark, the study of the judge and the prose checker."""
