"""Door 3: operators run polls.

``polls`` says what an operator may do and in which order it is checked;
``requests`` reads what they send; ``routes`` puts both behind addresses. Every
route asks for the key first, so that nobody without one learns even which
polls there are.
"""
