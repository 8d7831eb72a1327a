/**
 * Text without the characters at its end that `characters` holds. A regular expression such as `/=+$/` takes time that grows
 * with the square of a long run, since it tries each place of the run as a begin; this walks back from the end once.
 */
export function trimEndOf(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
