import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);
import{a as b,b as y,j as p,k,l as h,m as g,n as C,o as x,p as w,q as j,r as P,s as m,t as R,u as A}from"./chunk-YGN5S62N.js";import{A as I,e as v,f as l,z as T}from"./chunk-AW4NERUR.js";import{a as c}from"./chunk-55PNPI6Q.js";import{parseArgs as B}from"node:util";function D(s,e){let r={ok:"\u2713",warning:"!",problem:"\u2717"},n=Math.max(...s.map(i=>i.name.length)),a=s.flatMap(i=>{let u=`${r[i.state]} ${i.name.padEnd(n)}  ${i.found}  (needed: ${i.needed})`;return i.mend===""?[u]:[u,`  ${" ".repeat(n)}  \u2192 ${i.mend}`]}),t=s.filter(i=>i.state==="problem").length,o=s.filter(i=>i.state==="warning").length,d=t>0?`tier ${e} cannot run here: ${t} to mend`:`tier ${e} can run here${o>0?`, with ${o} warnings`:""}`;return[...a,"",d]}c(D,"renderChecks");import{stripVTControlCharacters as F}from"node:util";var Y=200,z=15,E="\r\x1B[K",f=class{static{c(this,"TerminalDoor")}#r;#t;#n=new Map;#d=new Set;#s="";#o={what:"",at:0};#i;constructor(e){this.#r=e,this.#t=e.isTTY===!0}phaseStarted(e){this.#n.set(e,performance.now()),this.#s="",this.#t?(this.#i??=setInterval(()=>this.#a(),Y).unref(),this.#a()):this.#e(`\u25B6 ${e}`)}phaseEnded(e){this.#n.delete(e.name);let r={passed:"\u2713",failed:"\u2717",skipped:"\u2013"}[e.outcome];this.#e(`${r} ${e.name.padEnd(10)} ${e.seconds.toFixed(1).padStart(6)} s`),this.#n.size===0&&(clearInterval(this.#i),this.#i=void 0)}say(e){this.#e(`  ${l(e,2e3)}`)}warn(e){this.#e(`! ${l(e,2e3)}`)}waitingFor(e){if(this.#s=l(e,1e3),this.#t)return;let r=Date.now();e===this.#o.what||r-this.#o.at<z*1e3||(this.#o={what:e,at:r},this.#e(`  \u2026 ${this.#s}`))}quote(e){this.#e(`  \u2502 ${F(e).replaceAll(new RegExp("(?!\\t)\\p{Cc}","gu"),"")}`)}mask(e){e!==""&&this.#d.add(e)}#e(e){let r=e;for(let n of this.#d)r=r.replaceAll(n,"***");this.#r.write(this.#t?`${E}${r}
`:`${r}
`),this.#a()}#a(){if(!this.#t||this.#n.size===0)return;let e=performance.now(),n=`\u23F3 ${[...this.#n].map(([t,o])=>`${t} ${Math.floor((e-o)/1e3)} s`).join(" \xB7 ")}${this.#s===""?"":` \u2014 ${this.#s}`}`,a=(this.#r.columns??80)-2;this.#r.write(`${E}${n.length>a?`${n.slice(0,a-1)}\u2026`:n}`)}};var M=`k8s-test: runs tests inside Kubernetes and brings home results nobody has to doubt.

  run      the whole pipeline: cluster, platform, tests, results, teardown
  doctor   what this machine has, and what it lacks
  down     removes what kept or interrupted runs left behind

Every input of the action is a flag, as in: run --tier integration --image floe-test-runner:dev
A flag that takes lines may be given several times.

${p.map(s=>`  --${s.padEnd(18)} ${k[s].description}`).join(`
`)}`;async function de(s){let[e,...r]=s;if(e==="run")return J(r);if(e==="doctor")return K(r);if(e==="down"&&r.length===0)return q();let n=e===void 0||["help","--help","-h"].includes(e);return(n?process.stdout:process.stderr).write(n?`${M}
`:`unknown: ${s.join(" ")}

${M}
`),n&&e!==void 0?0:3}c(de,"runCommand");async function J(s){let{given:e,problems:r}=O(s),n=h({given:e,directory:process.cwd(),bundledChart:w()}),a=[...r,...g(n.errors??[])];if(a.length>0||n.inputs===void 0)return N(a);let t=new f(process.stdout),o=m(()=>{process.stderr.write(`
ended at once; what is left behind is removed by: node dist/cli.js down
`),process.exit(130)});o.addEventListener("abort",()=>t.say(`${o.reason}: bringing home what there is, then removing the cluster; once more to leave at once`));let{record:d,workDir:i}=P(process.env),u=await C({inputs:n.inputs,door:t,signal:o,record:d,workDir:i});R(n.inputs.keep,u,d,L=>t.say(L))||await x(u,d,t);let S=A(u.report,{colour:process.stdout.isTTY&&process.env.NO_COLOR===void 0});return process.stdout.write(`${S.join(`
`)}
`),v(u.verdict)}c(J,"run");async function K(s){let{given:e,problems:r}=O(s),n=h({given:e,directory:process.cwd(),bundledChart:w()}),a=[...r,...g(n.errors??[])];if(a.length>0||n.inputs===void 0)return N(a);let{inputs:t}=n,o=await b(t.resultsDir,m()),d=y(o,{nodes:t.nodes,memoryBytes:t.preset.machineMemoryBytes});return process.stdout.write(`${D(d,t.tier).join(`
`)}
`),d.some(i=>i.state==="problem")?2:0}c(K,"doctor");async function q(){let s=c(t=>process.stdout.write(`${t}
`),"say"),e=I.list(j(process.env)),[r,n]=[e.filter(t=>t.isAlive),e.filter(t=>!t.isAlive)];for(let t of r)s(`run ${t.content.runId} is still going on (process ${t.content.pid}); it removes its own`);let a=0;for(let t of n){for(let o of await T(t,m(),s))process.stderr.write(`not removed: ${o}
`),a=2;a===0&&s(`run ${t.content.runId} of ${t.content.startedAt}: nothing of it is left`)}return n.length===0&&s("nothing to remove"),a}c(q,"down");function N(s){return process.stderr.write(`wrong input, nothing was made:
${s.map(e=>`  ${e}`).join(`
`)}
`),3}c(N,"refuse");function $(s){return p.includes(s)}c($,"isInput");function O(s){let e=Object.fromEntries(p.map(t=>[t,{type:"string",multiple:!0}])),{tokens:r}=B({args:s,options:e,strict:!1,allowPositionals:!0,tokens:!0}),n={},a=[];for(let[t,o]of r.entries())if(o.kind==="option"){let d=r[t+1],i=$(o.name)||d?.kind!=="positional"?o.value:d.value;i===void 0&&$(o.name)?a.push(`${o.rawName}: needs a value`):n[o.name]=[n[o.name],i??""].filter(u=>u!==void 0).join(`
`)}else if(o.kind==="positional"){let d=r[t-1];(d?.kind!=="option"||$(d.name)||d.value!==void 0)&&a.push(`${JSON.stringify(o.value)} is not a flag; flags begin with --`)}return{given:n,problems:a}}c(O,"readFlags");export{de as runCommand};
