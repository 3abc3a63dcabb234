import { record } from './summary.js'

/** A vitest reporter that counts for .ci/run. A file that can't be loaded, and an error outside tests, fail too. */
export default class Counts {
  onTestRunEnd(modules, unhandled) {
    let passed = 0
    let failed = unhandled.length
    for (const module of modules) {
      failed += module.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed += 1
        else if (state === 'failed') failed += 1
      }
    }
    record(passed, failed)
  }
}
