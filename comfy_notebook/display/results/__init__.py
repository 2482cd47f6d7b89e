"""Results as static output: pictures, media, texts, failures."""
