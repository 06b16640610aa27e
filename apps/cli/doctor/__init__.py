"""`lifecycle doctor`: the facts of an account, and the findings about them; commands/doctor.py prints them."""
