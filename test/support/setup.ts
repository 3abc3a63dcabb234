// Loaded before each test file. With SPOOR_SEED every property test makes the same choices again.
if (process.env.SPOOR_SEED !== undefined) {
  const { default: fc } = await import('fast-check')
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.SPOOR_SEED) })
}

export {}
