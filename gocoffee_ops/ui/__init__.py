"""What a person sees in a notebook: figures and panels."""
