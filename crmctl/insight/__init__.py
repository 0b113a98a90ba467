"""What the records of an account say: health, fit, relationships, qualification and signals, each with its evidence."""
