/** Blocks until a writer's look at its path no longer holds (one millisecond): its next write looks again. */
export function untilNextLook(): void {
  for (const from = performance.now(); performance.now() - from < 2; );
}
