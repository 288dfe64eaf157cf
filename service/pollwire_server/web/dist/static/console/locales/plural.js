function o(e){const l=new Intl.PluralRules(e),n=new Intl.NumberFormat(e);return(t,r)=>(r[l.select(t)]??r.other).replace("#",n.format(t))}export{o as pluralOf};
