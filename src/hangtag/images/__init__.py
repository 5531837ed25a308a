"""Images: decoding, resizing, quality, hashing, the pool of decoder processes."""
