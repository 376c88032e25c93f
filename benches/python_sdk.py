"""Lists keys with Cloudflare's Python SDK, and prints the median time per call in microseconds.

usage: python_sdk.py BASE_URL API_TOKEN ACCOUNT_ID
"""

import sys
import time

from cloudflare import Cloudflare

base_url, api_token, account_id = sys.argv[1:]
client = Cloudflare(api_token=api_token, base_url=base_url)
times = []
for _ in range(500):
    start = time.perf_counter()
    keys = list(client.stream.keys.get(account_id=account_id))
    times.append(time.perf_counter() - start)
    assert len(keys) == 2
print(sorted(times)[len(times) // 2] * 1e6)
