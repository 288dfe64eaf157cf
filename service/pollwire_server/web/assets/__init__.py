"""Static files: loading, bundling and minifying."""
