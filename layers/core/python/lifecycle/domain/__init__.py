"""Pure decisions: what is known goes in, what happens next and why comes out."""
