"""How long the soak lasts."""


def pytest_addoption(parser):
    parser.addoption("--minutes", type=float, default=3.0, help="how long the load lasts, without its measurement")
    parser.addoption("--seed", type=int, default=None, help="repeats the order of what is done to the endpoints")
