const { createServer } = require('node:http');

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://greeter');
  if (pathname !== '/greet') response.writeHead(404).end();
  else response.end(`Hello, ${searchParams.get('name') ?? 'you'}!`);
});
server.listen(8080);
// Kubernetes asks a container to end with SIGTERM, and kills it later.
process.on('SIGTERM', () => server.close());
