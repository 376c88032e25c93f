"""Lists the keys below a URL with Cloudflare's Python SDK, and prints the median time of a call in microseconds."""

import sys
import time

from cloudflare import Cloudflare

url, token, account_id = sys.argv[1:]
client = Cloudflare(api_token=token, base_url=url)
times = []
for _ in range(500):
    start = time.perf_counter()
    keys = list(client.stream.keys.get(account_id=account_id))
    times.append(time.perf_counter() - start)
    assert len(keys) == 2
print(sorted(times)[len(times) // 2] * 1e6)
