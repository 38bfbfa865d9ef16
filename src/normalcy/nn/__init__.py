"""Networks and losses: the encoder F, the heads P1 to P3, the decoder, and the model folder."""
