/** The style sheets beside this file as one text; the service makes the module when it starts. */
export const styles: string;
