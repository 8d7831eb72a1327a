import leven from 'leven';

const mostNames = 3;

/**
 * Existing names that may have been meant by a missing one: other tags of the same image, then the same last part elsewhere,
 * then names that differ by a typing error. Pure; the likeliest first, three at most.
 */
export function findSimilarImages(name: string, there: string[]): string[] {
  const wanted = splitImageName(name);
  const rank = (other: string): number | undefined => {
    const { repository, last } = splitImageName(other);
    if (repository === wanted.repository) return 0;
    if (last === wanted.last) return 1;
    const distance = leven(repository, wanted.repository);
    return distance <= Math.min(2, Math.floor(wanted.last.length / 3)) ? 1 + distance : undefined;
  };
  return there
    .map((other) => ({ other, rank: rank(other) }))
    .filter((one): one is { other: string; rank: number } => one.rank !== undefined && one.other !== name)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, mostNames)
    .map(({ other }) => other);
}

/** The repository of an image without tag, digest and Docker Hub's own names, and the last part of it. Pure. */
export function splitImageName(name: string): { repository: string; last: string } {
  const repository = name
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^(index\.)?docker\.io\//, '')
    .replace(/^library\//, '');
  return { repository, last: repository.slice(repository.lastIndexOf('/') + 1) };
}
