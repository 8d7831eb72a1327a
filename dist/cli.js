#!/usr/bin/env node
import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);
if(Number.parseInt(process.versions.node,10)<24)process.stderr.write(`Node 24 or newer is needed; this is ${process.version} (${process.execPath})
`),process.exitCode=2;else{let{runCommand:e}=await import("./chunks/command-line-7VLB63FM.js");process.exitCode=await e(process.argv.slice(2))}
