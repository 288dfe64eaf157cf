import{styles as s}from"./styles.js";const e=new CSSStyleSheet;e.replaceSync(s);function o(t){t.adoptedStyleSheets=[e]}export{o as dress};
