"""Reading /metrics: over plain sockets' library, by the parsers of Prometheus' own Python client."""

import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain

OPEN = "application/openmetrics-text;version=1.0.0"


def fetch(server, accept=None, token=None):
    """Status, content type and text of a scrape."""
    request = urllib.request.Request(f"{server.url}/metrics")
    if accept:
        request.add_header("Accept", accept)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


class Scrape:
    """The samples of one scrape; names are without `hostler_`."""

    def __init__(self, server, token=None, accept=OPEN):
        status, self.content_type, self.text = fetch(server, accept, token)
        assert status == 200, (status, self.text)
        parse = parse_open if accept == OPEN else parse_plain
        self.families = list(parse(self.text))
        self.samples = [
            (sample.name.removeprefix("hostler_"), sample.labels, sample.value)
            for family in self.families
            for sample in family.samples
        ]

    def all(self, name, **labels):
        """Samples with at least these labels."""
        return [
            (found, value)
            for sample, found, value in self.samples
            if sample == name and labels.items() <= found.items()
        ]

    def value(self, name, **labels):
        """Of the only sample with these labels."""
        found = self.all(name, **labels)
        assert len(found) == 1, (name, labels, found)
        return found[0][1]

    def by(self, label, name, **labels):
        """Values by one label; the others must tell samples apart no further."""
        found = self.all(name, **labels)
        values = {labels[label]: value for labels, value in found}
        assert len(values) == len(found), found
        return values
