import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);
import{a as v,b,c as y,d as c,e as k,f as m,g as x,h as R,i as j,r as C,s as E,t as P,u as A,v as M,w as N}from"./chunk-4K4LEYUX.js";import{D as T,E as p,S as D,w as $,z as I}from"./chunk-TXTRBZS2.js";import{a}from"./chunk-55PNPI6Q.js";import K from"node:path";import{parseArgs as q}from"node:util";function O(n,t){let e={ok:"\u2713",warning:"!",problem:"\u2717"},r=Math.max(...n.map(d=>d.name.length)),o=n.flatMap(d=>{let l=`${e[d.state]} ${d.name.padEnd(r)}  ${d.found}  (needed: ${d.needed})`;return d.mend===""?[l]:[l,`  ${" ".repeat(r)}  \u2192 ${d.mend}`]}),s=n.filter(d=>d.state==="problem").length,i=n.filter(d=>d.state==="warning").length,u=s>0?`tier ${t} cannot run here: ${s} to mend`:`tier ${t} can run here${i>0?`, with ${i} warnings`:""}`;return[...o,"",u]}a(O,"renderChecks");import{stripVTControlCharacters as z}from"node:util";var B=200,J=15,S="\r\x1B[K",f=class{static{a(this,"TerminalDoor")}#s;#e;#n=new Map;#d=new Set;#r="";#o={what:"",at:0};#i;constructor(t){this.#s=t,this.#e=t.isTTY===!0}phaseStarted(t){this.#n.set(t,performance.now()),this.#r="",this.#e?(this.#i??=setInterval(()=>this.#a(),B).unref(),this.#a()):this.#t(`\u25B6 ${t}`)}phaseEnded(t){this.#n.delete(t.name);let e={passed:"\u2713",failed:"\u2717",skipped:"\u2013"}[t.outcome];this.#t(`${e} ${t.name.padEnd(10)} ${t.seconds.toFixed(1).padStart(6)} s`),this.#n.size===0&&(clearInterval(this.#i),this.#i=void 0)}say(t){this.#t(`  ${p(t,2e3)}`)}warn(t){this.#t(`! ${p(t,2e3)}`)}waitingFor(t){if(this.#r=p(t,1e3),this.#e)return;let e=Date.now();t===this.#o.what||e-this.#o.at<J*1e3||(this.#o={what:t,at:e},this.#t(`  \u2026 ${this.#r}`))}quote(t){this.#t(`  \u2502 ${z(t).replaceAll(new RegExp("(?!\\t)\\p{Cc}","gu"),"")}`)}mask(t){t!==""&&this.#d.add(t)}#t(t){let e=t;for(let r of this.#d)e=e.replaceAll(r,"***");this.#s.write(this.#e?`${S}${e}
`:`${e}
`),this.#a()}#a(){if(!this.#e||this.#n.size===0)return;let t=performance.now(),r=`\u23F3 ${[...this.#n].map(([s,i])=>`${s} ${Math.floor((t-i)/1e3)} s`).join(" \xB7 ")}${this.#r===""?"":` \u2014 ${this.#r}`}`,o=(this.#s.columns??80)-2;this.#s.write(`${S}${r.length>o?`${r.slice(0,o-1)}\u2026`:r}`)}};var L=`k8s-test: runs tests inside Kubernetes and brings home results nobody has to doubt.

  run      the whole pipeline: cluster, platform, tests, results, teardown
  report   all results below k8s-test-results/ (or --legs) as one summary, junit.xml and report.html
  doctor   what this machine has, and what it lacks
  down     removes what kept or interrupted runs left behind

Every input of the action is a flag, as in: run --tier integration --image floe-test-runner:dev
A flag that takes lines may be given several times.

${m.map(n=>`  --${n.padEnd(18)} ${x[n].description}`).join(`
`)}`,h=3;async function ft(n){let[t,...e]=n;if(t==="run")return H(e);if(t==="report")return F(e);if(t==="doctor")return U(e);if(t==="down"&&e.length===0)return V();let r=t===void 0||["help","--help","-h"].includes(t);return(r?process.stdout:process.stderr).write(r?`${L}
`:`unknown: ${n.join(" ")}

${L}
`),r&&t!==void 0?0:h}a(ft,"runCommand");async function H(n){let t=w(n);if(t===void 0)return h;if(t.mode==="report")return F(n);let e=new f(process.stdout),r=c(()=>{process.stderr.write(`
ended at once; what is left behind is removed by: node dist/cli.js down
`),process.exit(130)});r.addEventListener("abort",()=>e.say(`${r.reason}: bringing home what there is, then removing the cluster; once more to leave at once`));let{record:o,workDir:s}=y(process.env),i=await A({inputs:t,door:e,signal:r,record:o,workDir:s});return k(t.keep,i,o,u=>e.say(u))||await M(i,o,e),Y(i)}a(H,"run");async function F(n){let t=w(n,{mode:"report"});if(t===void 0)return h;let e=I(t.legsDir??K.resolve("k8s-test-results"));return Y(await N({inputs:t,legsDir:e,say:a(o=>process.stdout.write(`${o}
`),"say"),signal:c()}))}a(F,"report");function Y(n){let t=C(n.report,{colour:process.stdout.isTTY&&process.env.NO_COLOR===void 0});return process.stdout.write(`${t.join(`
`)}
`),T(n.verdict)}a(Y,"showEnd");async function U(n){let t=w(n);if(t===void 0)return h;let e=await E(t.resultsDir,c()),r=P(e,{nodes:t.nodes,memoryBytes:t.preset.machineMemoryBytes});return process.stdout.write(`${O(r,t.tier).join(`
`)}
`),r.some(o=>o.state==="problem")?2:0}a(U,"doctor");async function V(){let n=a(s=>process.stdout.write(`${s}
`),"say"),t=$.list(b(process.env)),[e,r]=[t.filter(s=>s.isAlive),t.filter(s=>!s.isAlive)];for(let s of e)n(`run ${s.content.runId} is still going on (process ${s.content.pid}); it removes its own`);let o=0;for(let s of r){for(let i of await D(s,c(),n))process.stderr.write(`not removed: ${i}
`),o=2;o===0&&n(`run ${s.content.runId} of ${s.content.startedAt}: nothing of it is left`)}return r.length===0&&n("nothing to remove"),o}a(V,"down");function w(n,t={}){let{given:e,problems:r}=W(n),o=R({given:{...e,...t},directory:process.cwd(),bundledChart:v()}),s=[...r,...j(o.errors??[])];if(s.length===0)return o.inputs;process.stderr.write(`wrong input, nothing was made:
${s.map(i=>`  ${i}`).join(`
`)}
`)}a(w,"readArguments");function g(n){return m.includes(n)}a(g,"isInput");function W(n){let t=Object.fromEntries(m.map(s=>[s,{type:"string",multiple:!0}])),{tokens:e}=q({args:n,options:t,strict:!1,allowPositionals:!0,tokens:!0}),r={},o=[];for(let[s,i]of e.entries())if(i.kind==="option"){let u=e[s+1],d=g(i.name)||u?.kind!=="positional"?i.value:u.value;d===void 0&&g(i.name)?o.push(`${i.rawName}: needs a value`):r[i.name]=[r[i.name],d??""].filter(l=>l!==void 0).join(`
`)}else if(i.kind==="positional"){let u=e[s-1];(u?.kind!=="option"||g(u.name)||u.value!==void 0)&&o.push(`${JSON.stringify(i.value)} is not a flag; flags begin with --`)}return{given:r,problems:o}}a(W,"readFlags");export{ft as runCommand};
