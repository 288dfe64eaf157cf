import{styles as S}from"./styles.js";const e=new CSSStyleSheet;e.replaceSync(S);function s(t){t.adoptedStyleSheets=[e]}export{s as adoptStyles};
