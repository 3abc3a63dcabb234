import { startRsyslog } from './rsyslog.ts'

// Starts a server, says which, and ends it in no way.
const { folder, tcpPort, pid } = await startRsyslog()
process.stdout.write(`${JSON.stringify({ folder, tcpPort, pid })}\n`)
setInterval(() => {}, 60_000)
