import { expect, inject, test } from 'vitest';
import { bundledChart } from '../../src/pipeline/begin-run.ts';
import { runChart } from './run-chart.ts';
import { kubectl } from './run-on-existing.ts';
import { pytestScript } from './run-on-shared-cluster.ts';

const password = 'redis-password-5f1d';

/** A client in a few lines: the test image has none. */
const suite = `
import os, socket

def call(*commands):
  with socket.create_connection(("redis", 6379), timeout=10) as connection:
    answers = connection.makefile("rb")
    told = []
    for words in commands:
      connection.sendall(b"*%d\\r\\n" % len(words) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(w), w) for w in words))
      line = answers.readline().strip()
      told.append(answers.read(int(line[1:]) + 2).strip() if line.startswith(b"$") and line != b"$-1" else line)
    return told

login = (b"AUTH", os.environ["REDIS_PASSWORD"].encode())

def test_redis_knows_no_one_without_the_password():
  assert call((b"GET", b"tea"))[0].startswith(b"-NOAUTH")
  assert call((b"AUTH", b"guessed"))[0].startswith(b"-WRONGPASS")

def test_redis_keeps_what_one_connection_wrote_for_another():
  assert call(login, (b"SET", b"tea", b"240")) == [b"+OK", b"+OK"]
  assert call(login, (b"GET", b"tea")) == [b"+OK", b"240"]

def test_redis_is_limited_as_the_values_say():
  settings = call(login, (b"INFO", b"memory"))[1].decode()
  assert "maxmemory:33554432" in settings and "maxmemory_policy:volatile-lru" in settings
`;

test('the chart runs Redis: ready, with the password of a Secret, within its memory', async () => {
  const run = await runChart({
    chart: bundledChart(),
    before: async (namespace) => {
      const secret = ['create', 'secret', 'generic', 'shop-redis', `--from-literal=password=${password}`];
      kubectl(inject('cluster').kubeconfigPath, [...secret, '--namespace', namespace]);
    },
    script: pytestScript(suite),
    given: {
      profile: 'minimal',
      secrets: `REDIS_PASSWORD=${password}`,
      set: [
        // The chart's default is a version that no package registry has.
        'redis.enabled=true,redis.image.tag=7.0-bookworm,redis.existingSecret=shop-redis,redis.maxMemory=32mb',
        'dagster.enabled=false,duckdb.enabled=false,postgres.enabled=false',
      ].join('\n'),
    },
  });
  expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 3, passed: 3 } });
  const redis = run.pods.find(({ metadata }) => metadata.name.startsWith('redis-'));
  expect(redis?.status?.containerStatuses).toEqual([
    expect.objectContaining({ ready: true, restartCount: 0, image: expect.stringContaining('redis:7.0-bookworm') }),
  ]);
  expect(JSON.stringify(redis)).not.toContain(password);
});
