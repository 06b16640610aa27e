"""The mutation score: change one place of the code at random, and see whether a test or the simulation notices."""
