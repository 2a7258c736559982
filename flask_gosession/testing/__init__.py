"""What the tests of this package are made of, shipped so that yours and a third-party store can use it."""
