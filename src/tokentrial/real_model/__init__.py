"""The token table of a pretrained language model, encoded after its training, and what each encoding costs."""
