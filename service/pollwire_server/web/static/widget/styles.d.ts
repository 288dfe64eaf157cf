/** All style sheets of this folder in one string; `make assets` generates the module. */
export const styles: string;
