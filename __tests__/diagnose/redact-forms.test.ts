/** Places of secrets in Kubernetes objects: each form with a canary that must not be left. */
import { describe, expect, test } from 'vitest';
import { redactObject, redactText } from '../../src/diagnose/redact-secrets.ts';
import { redactSecrets } from '../../src/platform/save-release.ts';

const s = 'hunter2X';
const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyWCJ9.c2lnbmF0dXJlLWh1bnRlcjJY';
const env = (name: string, value = s) => ({ kind: 'Pod', spec: { containers: [{ env: [{ name, value }] }] } });
const command = (...words: string[]) => ({ kind: 'Pod', spec: { containers: [{ command: words }] } });
const shell = (line: string) => command('sh', '-c', line);
const configMap = (data: Record<string, string>) => ({ kind: 'ConfigMap', data });
const event = (message: string) => ({ kind: 'Event', message });

const forms: Record<string, unknown> = {
  'a Secret': { kind: 'Secret', data: { a: s } },
  'a Secret as text': { kind: 'Secret', stringData: { a: s } },
  'a Secret in a list': { kind: 'List', items: [{ kind: 'Secret', data: { a: s } }] },
  'the copy that kubectl leaves': {
    metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': s } },
  },
  'an annotation by its name': { metadata: { annotations: { 'example.com/admin-password': s } } },
  ...Object.fromEntries(
    [
      'PASSWORD', 'DB_PASSWD', 'POSTGRES_PASSWORD', 'MYSQL_ROOT_PW', 'PGPASSWORD', 'DB_PWD', 'SSH_PASSPHRASE', 'API_KEY', 'APIKEY',
      'AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID', 'GITHUB_TOKEN', 'JWT', 'JWT_SIGNING', 'COOKIE', 'SESSION_COOKIE', 'SESSION_KEY',
      'SESSION', 'ENCRYPTION_KEY', 'SIGNING_KEY', 'PRIVATE_KEY', 'LICENSE_KEY', 'SENTRY_DSN', 'CONNECTION_STRING', 'REDIS_AUTH', 'BASIC_AUTH',
      'clientSecret', 'dbpassword', 'oauth2CookieSecret', 'DATABASE_CREDENTIALS', 'WIFI_PSK', 'BEARER',
    ].map((name) => [`the variable ${name}`, env(name)]),
  ), // biome-ignore format: a table
  'an address with a password': env('URL', `postgresql://floe:${s}@db:5432/floe`),
  'an address with a password that holds a slash': env('URL', `postgresql://floe:pa/${s}@db:5432/floe`),
  'an address with a password that holds an at-sign': env('URL', `amqp://floe:p@${s}@db:5672/`),
  'an address with a password that holds a question mark': env('URL', `amqp://floe:p?${s}@db:5672/`),
  'an address with a password alone': env('URL', `redis://:${s}@db:6379`),
  'an address with a token': env('REPO', `https://${s}@git.example.com/x.git`),
  'an address with a token and a user': env('REPO', `https://x-access-token:${s}@git.example.com/x.git`),
  'an address with a query': env('URL', `https://api.example.com/v1?user=a&api_key=${s}&x=1`),
  'an address with a token in the query': env('URL', `https://api.example.com/v1?access_token=${s}`),
  JDBC: env('URL', `jdbc:postgresql://db:5432/app?user=app&password=${s}&ssl=true`),
  'JDBC of SQL Server': env('URL', `jdbc:sqlserver://db:1433;user=sa;password=${s};encrypt=true`),
  'JDBC of Oracle': env('URL', `jdbc:oracle:thin:scott/${s}@//db:1521/x`),
  'a DSN of Go': env('URL', `app:${s}@tcp(db:3306)/app`),
  'ADO.NET': env('URL', `Server=db;User Id=sa;Pwd=${s};Database=x`),
  'libpq words': env('URL', `host=db user=app password=${s} dbname=x`),
  'an option with =': command('app', `--password=${s}`),
  'an option and its value': command('app', '--password', s),
  'a short option': command('sshpass', '-p', s, 'ssh', 'host'),
  'a short option of mysql': command('mysql', '-uroot', `-p${s}`),
  'a user and a password': command('curl', '-u', `user:${s}`, 'https://example.com'),
  'redis-cli': command('redis-cli', '-a', s, 'ping'),
  'an assignment in a shell': shell(`PASSWORD=${s} exec app`),
  'an assignment with quotes in a shell': shell(`export DB_PASSWORD='${s} and more'; app`),
  'an exported assignment': shell(`export TOKEN="${s}"`),
  'an option in a shell': shell(`app --token ${s} --port 80`),
  'an option with = in a shell': shell(`app --api-key=${s}`),
  'a short option in a shell': shell(`sshpass -p ${s} ssh host`),
  'mysql in a shell': shell(`mysqladmin ping -uroot -p${s}`),
  'psql in a shell': shell(`PGPASSWORD="${s}" psql -h db`),
  'a user and a password in a shell': shell(`curl -u admin:${s} http://x`),
  'a header in a shell': shell(`curl -H 'Authorization: Bearer ${s}' http://x`),
  'a header with double quotes': shell(`curl -H "X-Api-Key: ${s}" http://x`),
  'a header as words': command('curl', '-H', `Authorization: Basic ${s}`),
  'a header with a token of its own': command('curl', '-H', `X-Vault-Token: ${s}`),
  'a cookie as words': command('curl', '-H', `Cookie: sid=${s}; other=1`),
  'the header of a probe': {
    livenessProbe: { httpGet: { httpHeaders: [{ name: 'Authorization', value: `Bearer ${s}` }] } },
  },
  'the cookie of a probe': { livenessProbe: { httpGet: { httpHeaders: [{ name: 'Cookie', value: `sid=${s}` }] } } },
  'the command of a probe': { readinessProbe: { exec: { command: ['redis-cli', '-a', s, 'ping'] } } },
  'the shell of a probe': { readinessProbe: { exec: { command: ['sh', '-c', `mysql -p${s} -e 'select 1'`] } } },
  'the command of a hook': { lifecycle: { postStart: { exec: { command: ['sh', '-c', `TOKEN=${s} register`] } } } },
  'a JSON web token': env('X', jwt),
  'a JSON web token in text': event(`got ${jwt} and no more`),
  'a token of GitHub': event(`remote: ghp_${s}abcdefghijklmnop denied`),
  'a private key': configMap({ 'tls.txt': `-----BEGIN RSA PRIVATE KEY-----\n${s}\n-----END RSA PRIVATE KEY-----\n` }),
  'a ConfigMap by key': configMap({ DB_PASSWORD: s }),
  'properties in a ConfigMap': configMap({ 'application.properties': `spring.datasource.password=${s}\nport=80` }),
  'YAML in a ConfigMap': configMap({ 'app.yaml': `db:\n  password: ${s}\n` }),
  'YAML with quotes in a ConfigMap': configMap({ 'app.yaml': `db:\n  password: "${s} and more"\n` }),
  'JSON in a ConfigMap': configMap({ 'app.json': JSON.stringify({ db: { clientSecret: s } }) }),
  'JSON in JSON in a ConfigMap': configMap({ 'app.json': JSON.stringify({ db: JSON.stringify({ password: s }) }) }),
  'XML in a ConfigMap': configMap({ 'app.xml': `<server><password>${s}</password></server>` }),
  'TOML in a ConfigMap': configMap({ 'app.toml': `api_key = "${s}"` }),
  'netrc in a ConfigMap': configMap({ netrc: `machine example.com login me password ${s}` }),
  'the login of docker in a ConfigMap': configMap({ 'config.json': `{"auths":{"r":{"auth":"${s}"}}}` }),
  'an attribute of a CSI volume': { csi: { driver: 'x', volumeAttributes: { clientSecret: s } } },
  'a field of a custom resource': { kind: 'Database', spec: { users: [{ username: 'a', password: s }] } },
  'a number in a custom resource': { kind: 'Database', spec: { adminPassword: s } },
  'a deep field of a custom resource': { kind: 'X', spec: { a: [{ b: { apiToken: s } }] } },
  'a pair of key and value': { kind: 'X', spec: { params: [{ key: 'password', value: s }] } },
  'a list of tokens': { kind: 'X', spec: { tokens: [s] } },
  'an event': event(`Readiness probe failed: curl -u admin:${s} http://x: 401`),
  'an event with an address': event(`dial postgres://app:${s}@db:5432: refused`),
  'a hash of a password': configMap({ users: `admin:$2y$10$${s}abcdefghijklmnopqrstuv` }),
};

describe('a secret is left in no file of cluster/ as', () => {
  test.each(Object.entries(forms))('%s', (_, object) => {
    expect(JSON.stringify(redactObject(object))).not.toContain(s);
    expect(JSON.stringify(redactObject(object))).not.toContain(jwt.slice(-12));
    expect(redactSecrets(JSON.stringify(object))).not.toContain(s);
  });
});

test('what explains a fault stays', () => {
  const object = {
    kind: 'Pod',
    metadata: { name: 'db-password-rotator', labels: { 'app.kubernetes.io/name': 'token-service' } },
    spec: {
      serviceAccountName: 'tokens',
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 'regcred' }],
      volumes: [{ name: 'v', secret: { secretName: 'db', items: [{ key: 'password', path: 'pw' }] } }],
      affinity: { podAntiAffinity: { x: [{ topologyKey: 'kubernetes.io/hostname' }] } },
      containers: [
        {
          image: 'registry.example.com/passport:1.2@sha256:0123456789abcdef',
          args: [
            '--port',
            '80',
            '-p',
            '8080',
            '--password-file',
            '/run/secrets/pw',
            '--verbose',
            'mkdir',
            '-p',
            '/data',
          ],
          env: [
            { name: 'PASSWORD_FILE', value: '/run/secrets/pw' },
            { name: 'P', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
            { name: 'HOME_URL', value: 'https://example.com:8443/a@b?x=1' },
            { name: 'REPO', value: 'ssh://git@github.com/x.git' },
          ],
        },
      ],
      sessionAffinity: 'ClientIP',
      tolerations: [{ key: 'node.kubernetes.io/not-ready', value: 'x' }],
    },
    status: {
      message: 'MountVolume.SetUp failed for volume "db": secret "db-password" not found',
      other: 'Back-off pulling image "x:1": unauthorized: authentication required',
      tests: '3 tests passed: 2 skipped',
    },
  };
  expect(redactObject(object)).toEqual(object);
});

test.each([
  'a-',
  'a_',
  'password=',
  '://a:',
  '"',
  'eyJa-',
  '-----BEGIN ',
  '<a>',
  '-p ',
  '$1$',
  'a b ',
  'Authorization: ',
])('text of %j a hundred thousand times is looked through in time that grows with its length alone', (unit) => {
  const measure = (length: number) => {
    const begin = process.cpuUsage();
    redactText(unit.repeat(Math.ceil(length / unit.length)));
    return process.cpuUsage(begin).user / 1000;
  };
  measure(20_000);
  const short = Math.max(20, measure(25_000));
  expect(measure(200_000)).toBeLessThan(30 * short);
});
