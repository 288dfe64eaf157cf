const s=25e3;function T(r){let t;const e=()=>clearTimeout(t);return{restart:()=>{e(),t=setTimeout(r,25e3)},stop:e}}export{T as createIdleTimer};
