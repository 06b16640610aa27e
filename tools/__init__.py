"""Programs for developers: the demonstration, the benchmark, the mutation score and the study of the judge."""
