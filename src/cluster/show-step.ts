import { toOneLine } from '../core/outcome.ts';

/**
 * Lines that kind and docker print for their own users, and that would mislead ours: another kubeconfig, another builder,
 * greetings.
 */
const chatter = [
  /^Set kubectl context to "/,
  /^You can now use your cluster with:$/,
  /^kubectl cluster-info --context /,
  /^Have a (nice day|question, bug, or feature request\?)/,
  /^Thanks for using kind!/,
  /^Not sure what to do next\?/,
  /^DEPRECATED: The legacy builder is deprecated/,
  /^BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0$/,
  /^environment-variable\.$/,
  /^Install the buildx component to build images with BuildKit:$/,
  /^https:\/\/docs\.docker\.com\/go\/buildx\/$/,
];

/** Shows a line of kind or docker to the waiting user, if it is about the cluster or image. */
export function showStep(
  program: string,
  line: string,
  { quote, waitingFor }: { quote: (line: string) => void; waitingFor: (what: string) => void },
): void {
  const step = toOneLine(line, 120);
  if (step === '' || chatter.some((pattern) => pattern.test(step))) return;
  quote(line);
  waitingFor(`${program}: ${step}`);
}
