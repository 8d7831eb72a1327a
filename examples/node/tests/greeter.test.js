const assert = require('node:assert/strict');
const { test } = require('node:test');

const greet = async (query) => (await fetch(`http://greeter/greet${query}`)).text();

test('greets by name', async () => {
  assert.equal(await greet('?name=Ada'), 'Hello, Ada!');
});

test('greets whoever gives no name', async () => {
  assert.equal(await greet(''), 'Hello, you!');
});

test('knows no other page', async () => {
  assert.equal((await fetch('http://greeter/elsewhere')).status, 404);
});
