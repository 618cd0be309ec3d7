"""What the conformance tests share: the server under test, its clients, and how to wait."""
