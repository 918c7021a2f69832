"""The decoder that harmonises while decoding; its place in the layout, empty until the decoder stage lands."""
