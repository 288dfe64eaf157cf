"""What holds, each as one sentence that a test proves."""
