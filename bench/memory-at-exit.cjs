// Required into a measured process: writes the process's own account of its memory when it exits.
// The peak that the kernel keeps for a parent (getrusage, /usr/bin/time) begins with the memory of
// whoever forked.
/* global process */
const { existsSync, readFileSync, writeFileSync } = process.getBuiltinModule('node:fs')
const STATUS = '/proc/self/status'
process.on('exit', () => {
  if (existsSync(STATUS)) writeFileSync(process.env.BENCH_MEMORY_FILE, readFileSync(STATUS))
})
