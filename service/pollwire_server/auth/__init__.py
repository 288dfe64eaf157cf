"""Who asks: voters' tokens, tickets, operators' keys, and the sites whose pages may ask at all.

Pure but for the clock and the randomness that are handed in; nothing here
knows of a store or of a web framework.
"""
