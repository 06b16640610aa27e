"""What developers run beside the product: the demonstration, the measurements, the study of the judge."""
