import { expect, test } from 'vitest';
import { html, rawText } from '../../src/report/html.ts';

test('every hole is escaped, in elements and in attributes', () => {
  const name = `<img src=x onerror="alert('1')"> & more`;
  expect(html`<b title="${name}">${name}</b>`.toString()).toBe(
    '<b title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; more">&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; more</b>',
  );
});

test('HTML in a hole is kept, a list is its parts, and nothing is nothing', () => {
  const items = ['a<b', 'c'].map((text) => html`<li>${text}</li>`);
  expect(html`<ul>${items}</ul>${undefined}${[1, ['<']]}`.toString()).toBe('<ul><li>a&lt;b</li><li>c</li></ul>1&lt;');
});

test('the text of a style or a script is as it is', () => {
  expect(html`<style>${rawText('a > b { content: "&" }')}</style>`.toString()).toBe(
    '<style>a > b { content: "&" }</style>',
  );
});
