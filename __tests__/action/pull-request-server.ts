/**
 * The part of GitHub that keeps the comments of one pull request: a real HTTP server on loopback, with the answers of
 * https://docs.github.com/en/rest/issues/comments and https://docs.github.com/en/graphql.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface StoredComment {
  id: number;
  author: string;
  body: string;
}

export interface PullRequestServer {
  /** GITHUB_API_URL. */
  url: string;
  comments: StoredComment[];
  /** Method and path of every request, in order. */
  requests: string[];
  /** The login of whom each token is of; another token is refused. */
  tokens: Record<string, string>;
  /** Answer of all requests that write, where they are refused. */
  refusal?: { status: number; message: string } | undefined;
  /** Whether connections are closed without an answer. */
  isDown: boolean;
  stop: () => Promise<void>;
}

/** GitHub's own limit, by its answer to a longer one. */
const maxBodyChars = 65_536;
const pageSize = 100;

export async function startPullRequestServer(): Promise<PullRequestServer> {
  const server = createServer(async (request, response) => {
    const content = await text(request);
    const { method = '', url = '' } = request;
    state.requests.push(`${method} ${url}`);
    if (state.isDown) return request.socket.destroy();
    const answer = (status: number, body?: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    };
    const login = state.tokens[(request.headers.authorization ?? '').replace(/^(token|bearer) /i, '')];
    if (login === undefined) return answer(401, { message: 'Bad credentials' });
    const body = content === '' ? {} : (JSON.parse(content) as Record<string, unknown>);
    if (url === '/graphql') return answer(200, { data: listPage(body, login) });
    if (state.refusal !== undefined) return answer(state.refusal.status, { message: state.refusal.message });
    if (method !== 'DELETE' && [...String(body.body)].length > maxBodyChars)
      return answer(422, { message: 'Validation Failed', errors: [{ message: 'Body is too long' }] });
    const base = '/repos/floe/shop/issues';
    if (method === 'POST' && url === `${base}/7/comments`) {
      const created = { id: 1000 + state.comments.length, author: login, body: String(body.body) };
      state.comments.push(created);
      return answer(201, {
        id: created.id,
        html_url: `https://github.com/floe/shop/pull/7#issuecomment-${created.id}`,
      });
    }
    const id = Number(/^\/repos\/floe\/shop\/issues\/comments\/(\d+)$/.exec(url)?.[1]);
    const at = state.comments.findIndex((one) => one.id === id);
    const found = state.comments[at];
    if (found === undefined) return answer(404, { message: 'Not Found' });
    if (method === 'DELETE') {
      state.comments.splice(at, 1);
      return answer(204);
    }
    if (method !== 'PATCH') return answer(405, { message: 'no such method' });
    found.body = String(body.body);
    answer(200, { id, html_url: `https://github.com/floe/shop/pull/7#issuecomment-${id}` });
  });

  function listPage({ query, variables }: { query?: string; variables?: Record<string, unknown> }, login: string) {
    for (const field of ['databaseId', 'body', 'viewerDidAuthor', 'hasNextPage', 'endCursor'])
      if (!String(query).includes(field)) throw new Error(`the query does not ask for ${field}`);
    if (variables?.owner !== 'floe' || variables.repo !== 'shop' || variables.number !== 7)
      throw new Error(`the query is of another pull request: ${JSON.stringify(variables)}`);
    const from = Number(variables.cursor ?? 0);
    const to = Math.min(from + pageSize, state.comments.length);
    const nodes = state.comments
      .slice(from, to)
      .map(({ id, author, body }) => ({ databaseId: id, body, viewerDidAuthor: author === login }));
    const pageInfo = { hasNextPage: to < state.comments.length, endCursor: to === 0 ? null : String(to) };
    return { repository: { pullRequest: { comments: { nodes, pageInfo } } } };
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const state: PullRequestServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    comments: [],
    requests: [],
    tokens: { 'job-token-1234567890': 'github-actions[bot]' },
    isDown: false,
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return state;
}
