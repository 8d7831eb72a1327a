import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noteMachine } from '../on-cluster/dockers.ts';
import { bootGuest, type Guest } from './guest.ts';

let guest: Guest;
beforeAll(async () => {
  guest = await bootGuest();
});
afterAll(() => guest?.end());

const nodeImage = process.env.FLOE_LAB_NODE_IMAGE ?? '';

describe('a guest with docker 28 and cgroup v2', () => {
  test('is such a machine for user runner, and doctor finds that the integration tier can run on it', async () => {
    const { status, output } = await guest.run(
      'machine',
      `id
docker info --format 'docker {{.ServerVersion}} cgroup v{{.CgroupVersion}} {{.NCPU}} processors'
stat --file-system --format %T /sys/fs/cgroup
uname --kernel-release
cd /share/checkout/examples/floe
node /share/checkout/dist/cli.js doctor --results-dir "$HOME/work/results"`,
    );
    expect(status, output).toBe(0);
    expect(output).toMatch(/^uid=1001\(runner\) .*\(docker\)/m);
    expect(output).toMatch(/^docker 28\.5\.2\S* cgroup v2 2 processors$/m);
    expect(output).toMatch(/✓ cgroup +v2$/m);
    expect(output).toMatch(/^tier integration can run here$/m);
    const [, release] = /^cgroup2fs\n(.+)$/m.exec(output) ?? [];
    noteMachine(`guest: Linux ${release}, docker 28.5.2, cgroup v2 alone, as runner (uid 1001)`);
  });

  test('accepts the rule of nftables by which the network agent of kind enforces NetworkPolicies', async () => {
    const { status, output } = await guest.run(
      'nftables',
      `docker run --rm --privileged --network none --entrypoint sh ${nodeImage} -c '
nft add table inet policies
nft "add chain inet policies forward { type filter hook forward priority 0 ; }"
nft add rule inet policies forward ct state new queue flags bypass to 101
nft list table inet policies'`,
    );
    expect(status, output).toBe(0);
    expect(output).toMatch(/ct state new queue flags bypass to 101/);
  });

  /** How a container of docker ends whose child takes more memory than its limit. Docker has no option for this setting. */
  const runGreedy = (oomGroup: 0 | 1) =>
    guest.run(
      `oom-${oomGroup}`,
      `container=$(docker run --detach --memory 96m --entrypoint sh floe-test-runner:dev -c 'while [ ! -e /tmp/go ]; do sleep 0.2; done; python3 -c "x = [bytearray(1 << 20) for _ in range(500)]"; echo survived')
echo ${oomGroup} | sudo tee "/sys/fs/cgroup/docker/$container/memory.oom.group" >/dev/null
docker exec "$container" touch /tmp/go
docker wait "$container"
docker logs "$container"`,
    );

  test('kills the whole container for a child out of memory where its cgroup says so, as the kubelet configures it', async () => {
    const { status, output } = await runGreedy(1);
    expect(status, output).toBe(0);
    expect(output).toMatch(/^137$/m);
    expect(output).not.toContain('survived');
  });

  test('kills only the child without that setting', async () => {
    const { status, output } = await runGreedy(0);
    expect(status, output).toBe(0);
    expect(output).toMatch(/^0$/m);
    expect(output).toMatch(/^survived$/m);
  });
});
