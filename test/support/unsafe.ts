/**
 * What must never reach a terminal raw: controls, format characters, separators of lines, and all that Unicode
 * calls default-ignorable; by the running Node's own tables, not by ours.
 */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

/** Every code point of Unicode, surrogates too. */
export const everyCodePoint: readonly string[] = Array.from({ length: 0x110000 }, (_, code) =>
  String.fromCodePoint(code),
)

/** Every character that UNSAFE names. */
export const unsafeCharacters: readonly string[] = everyCodePoint.filter((character) =>
  UNSAFE.test(character),
)
